"""The terminal, for whatever draws on it: colours, frames, bars. Knows no span."""

"""What is measured: a module a system. Nothing here, since the Pythons of agents that are measured read it too."""

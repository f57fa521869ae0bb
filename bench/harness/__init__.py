"""Runs scenarios: systems in turns, each run watched for what disturbs it, and every run a row of CSV."""

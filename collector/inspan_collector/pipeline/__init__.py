"""Joins the stages: owns each batch from take to fate."""

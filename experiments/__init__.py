"""The experiments behind ``data/results``: one module each, all of one shape. ``python -m experiments`` runs
them.
"""

"""Ids, time, digests, principals and settings: what every room may rely on. Imports no other room."""

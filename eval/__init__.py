"""Measures a retriever: data sets, metrics, baselines, reports.

Stands at the side: it may import any other room, and no room imports it.
"""

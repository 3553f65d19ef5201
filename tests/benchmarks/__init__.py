"""Measure threadchat beside other chat servers: `python -m tests.benchmarks`."""

"""Benchmarks that take hours; `python/benches` has those that take minutes."""

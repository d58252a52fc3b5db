"""Measurements that take longer than a test: speed beside others' ways, and studies."""

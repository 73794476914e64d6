"""Benchmarks: the platform beside its peers, each in a process of its own, measured from outside.

``python -m benchmarks`` takes file logs of growing size to closed runs. The other modules that can be
run measure one thing each: ``streams``, ``latency``, ``closure``, ``strict``, ``validation``.
"""

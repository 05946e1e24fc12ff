"""From a plan to processes and streams: all that a target needs to know, neutral about it.

In: a `Plan`. Out: a `Design`: one process for every node or Fire module, forks and resizes, streams with their depths.
"""

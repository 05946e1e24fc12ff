"""From a plan to the time of every token: the dataflow simulator, and the stream depths that it finds.

In: a `Plan`. Out: its latency and interval, the occupancy of every stream, deadlocks by name.
"""

from fireline.sim.dataflow.simulator import DeadlockError, Timing, simulate

__all__ = ["DeadlockError", "Timing", "simulate"]

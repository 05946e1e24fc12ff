"""From the integer graph and a device to a plan: foldings, memories and stream depths.

In: a `Graph` and a `Device`. Out: a `Plan`. `choice` finds the best one by an integer program over what `cycles` says
of time and `cost` of resources; `summary` puts a plan in figures.
"""

from fireline.codegen.plan.choice import plan_for
from fireline.codegen.plan.foldings import Folding, Plan
from fireline.codegen.plan.options import Freedom

__all__ = ["Folding", "Freedom", "Plan", "plan_for"]

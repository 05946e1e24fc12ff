"""Reports that Vitis HLS and Vivado left in a project's folder, beside what the plan says.

In: `csynth.xml`, and what `report_utilization` and `report_timing_summary` wrote. Out: figures of the design and
of every stage, each with its evidence.
"""

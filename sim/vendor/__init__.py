"""What tools found of a project, beside what the plan says.

In: `csynth.xml` of Vitis HLS, what Vivado's `report_utilization` and `report_timing_summary` wrote, and what is kept of
`fireline cosim`, `synth` and `pnr`. Out: figures of the design and
of every stage, each with its evidence.
"""

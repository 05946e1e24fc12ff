"""What is the same for every target: boards, block designs, drivers, test data, the filling of templates.

In: a `Plan`. Out: texts and files of a project that know the core by its AXI ports and registers alone.
"""

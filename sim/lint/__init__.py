"""What Vitis HLS would make of a project: its folder comes in, findings go out, each with file, line, rule and reason.

Every pragma is parsed by a grammar of AMD's (`grammar`, `pragmas`), and the structure of the C++ is checked as it is
instantiated, from the top function down (`regions`, `loops`, `accesses`, `words`), by libclang.
"""

"""Measure the program against floors timed in the same run; only ratios are compared with goals."""

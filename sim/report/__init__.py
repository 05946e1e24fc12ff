"""From a verified and evaluated run to one HTML page.

In: what `verify`, the evaluation and the cycle simulation found (`page.Report`). Out: a page that works offline.
"""

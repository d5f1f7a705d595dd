"""
``zhiban agent``: a small exporter for a server where node_exporter or windows_exporter may not be.

It has their metric names, so one set of rules fits all. It stands alone: nothing but the
standard library and psutil is imported, and it holds no state between two requests.
"""

"""What can be wrong with an expression. The message is one sentence for whoever wrote it."""


class PromqlError(Exception):
    """At parse: outside the subset. At evaluation: labels that do not match or are not unique."""

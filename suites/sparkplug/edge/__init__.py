"""What is asked of a Sparkplug edge node and the devices behind it, by subject.

Much of it is judged by passive rules (`testbed/sparkplug/rules`), whatever the case: a case that cites such an
assertion brings the message about that the rule judges, and fails when the rule does.
"""

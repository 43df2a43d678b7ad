"""
Operations: a deployment pipeline, backups, scanners and CI of a shop, all of them scripted.

Nothing is deployed and nothing is saved here: the calls are those that a pipeline, a service and
a nightly job would make, and the reports in ``reports/`` are read as a CI job would read them.

Run: python -m examples.operations [WAY=WHERE]

With a way to push, such as ``pushgateway=http://localhost:9091``, what is collected goes there.
"""

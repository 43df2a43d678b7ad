"""
Reports that other tools write, made into facts.

A module for each format reads it: `agentmon.collect.source` has what they share,
`agentmon.collect.kinds` knows all of them, `agentmon.collect.gather` goes through files, and
`agentmon.collect.send` takes what they say to where it is wanted.
"""

"""
Counts of several processes in one folder: written by each, read by any.

Each process has a file of its own in the folder, mapped into its memory. What happens in the
process stays the truth of the process; the file follows it:

- `paper` is the file as its owner writes it: a `journal` of calls, a note of what is being changed,
  and words. `mirror` says which word is what, and keeps them up to date.
- `source` is the file as others read it; `folder` finds the files, tells those of the living from
  those of the dead, and merges the latter into one.
- `merged` is the registry of all processes together, for whoever renders it.
- `sharing` is what a process does for its own file: it folds its journal and speaks up each second.

What a SIGKILL leaves behind is argued in `paper`.
"""

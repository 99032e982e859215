"""What the portal shows around and inside its pages: navigation, marks, diffs and drawings.

Everything here turns plain data into safe HTML without inline styles; nothing here reads or writes rows.
"""

"""What approvals are made of, around the desk: policies, signatures, delegations, reminders."""

"""Who is who and may see what: linked accounts, memberships that end, what an account sees and why."""

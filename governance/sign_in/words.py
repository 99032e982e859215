"""What people are told when signing in is refused."""

REFUSED = (
    "This user name and password do not open the Workbench. Both are case-sensitive; an administrator can set a new "
    "password."
)
LOCKED_OUT = "Too many tries. Wait 15 minutes and try again; the password may have been right."
WRONG_CODE = "This code is not right, or was used already. Wait for the next one."
WRONG_PASSWORD = "This is not your password."  # noqa: S105 - a sentence

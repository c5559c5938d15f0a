"""The worlds in which contests are held: the isolated one of the paper, and the networked one."""

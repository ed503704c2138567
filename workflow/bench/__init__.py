"""`make bench`: what this machine can do, how much of it we use, and the same work as it is usually written."""

"""Buffer pool in shared memory: leases, orphaned leases, the memory budget, and housekeeping of a step's heap."""

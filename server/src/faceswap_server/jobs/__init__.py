"""Jobs: parsing of a job's input, download of its images, swaps on a server, the result as JSON, errors.

Shared by the RunPod worker's handler and the plain HTTP API.
"""

"""The demonstration catalog: data, ground truth, labelsets, templates and sheets as plain values.

Nothing here knows the database; whoever seeds a site reads these functions and calls the services.
"""

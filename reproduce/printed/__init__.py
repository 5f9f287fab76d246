"""The claims ledger: from ``reproduce/claims.yaml``, the audit and our results to a verdict on each claim.

In: what was fixed in advance, and result files. Out: verdicts with effects, intervals, corrected p values, and the
smallest effect a paper's own sample could have shown. ``ledger`` reads, ``power`` computes, ``judge`` decides,
``render`` prints. Trains nothing, imports no torch.
"""

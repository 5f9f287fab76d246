"""The words a table file may use, and what each of them lets the audit check.

In: nothing. Out: the allowed meanings of a column, kinds of statements and severities.
"""

MEANINGS = {
    "accuracy": "share of right answers",
    "sensitivity": "recall, TP / (TP + FN)",
    "specificity": "TN / (TN + FP)",
    "precision": "positive predictive value, TP / (TP + FP)",
    "npv": "negative predictive value, TN / (TN + FN)",
    "f1": "harmonic mean of precision and sensitivity",
    "auc": "area under the ROC curve",
    "dice": "2 |A and B| / (|A| + |B|)",
    "jaccard": "|A and B| / |A or B|",
    "count": "whole number, or a number with its percentage in brackets",
    "p-value": "p value of the counts beside it",
    "parameters": "size of a network",
    "flops": "operations of a network",
    "sd": "standard deviation of the rate in the column before it",
    "number": "any other number",
    "text": "words",
}
RATES = {"accuracy", "sensitivity", "specificity", "precision", "npv", "f1", "auc", "dice", "jaccard"}

UNITS_OF_RATES = {"percent": 100.0, "fraction": 1.0}

STATEMENTS = {
    "sum": "operands add up to the result",
    "mean": "the mean of the operands is the result",
    "difference": "first operand minus the second is the result",
    "share": "first operand divided by the second is the result, in percent",
    "share-of-mean": "first operand divided by the mean of the others is the result, in percent",
    "same": "all operands are one number, stated several times",
    "best": "the rows hold the best value of each column among the table's rows (or a group's)",
    "higher": "each operand is higher than the next",
    "increases": "the column never falls from row to row",
    "granular": "the result is k / n, or a mean over folds of such shares",
    "conflict": "two passages that cannot both be right",
}

TEST_SETS = ("fixed", "folds", "unknown")
SEVERITIES = ("impossible", "inconsistent", "unclear")
RESERVED_ROW_KEYS = ("label", "group", "cited", "same_as", "classes")

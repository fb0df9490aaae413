"""Stages about features that are learnt without labels, and about detectors on frozen features (Figure 6)."""

"""Figures of training with pools of adversarial examples."""

"""What the notebooks share: data, models, training, evaluation, figures, results and the report exporters."""

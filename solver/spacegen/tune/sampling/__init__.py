"""Where configs of a study come from: an Optuna sampler that proposes nothing but new solutions."""

#!/usr/bin/env bash
set -e
cd /tmp && python -m sglang.launch_server --model-path x --tp 2 > log 2>&1  # the first

CUDA_VISIBLE_DEVICES=0,1 python3 -m sglang.launch_server \
  --model-path x \
  --data-parallel-size=2 --tp-size 4 &
wait

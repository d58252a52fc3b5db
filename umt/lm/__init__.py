"""The joint language model: network, decoding, scoring; its kernels stay its own."""

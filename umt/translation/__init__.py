"""Neural translation from monolingual text: denoising, back-translation, selection without parallel pairs."""

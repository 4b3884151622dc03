"""The networks, and nothing else: no training loop, no files.

A family is a package with a model, which plays, and a discriminator, which judges; `protocol` says what each
must do, `registry` has one line for each family, and no other room knows which family it deals with.

Shapes, as the trailing comments write them:

    B batch                            M measures of a phrase (4)      S steps of a measure (16)
    T = M * S steps of a phrase (64)   P pitches of a roll (72)        V voices of the kit (12)
    R rows of bass features            C channels                      Z dimensions of the latent vector
    K choices of a plan for a bar

The four states of a drum tensor never share a name: logits -> probs -> hits -> velocities.
"""

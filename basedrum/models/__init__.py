"""The networks, and nothing else: a config dataclass beside each, no training loop, no files.

Shapes, as the trailing comments write them:

    B batch          M measures of a phrase (4)    S steps of a measure (16)    T = M * S steps of a phrase
    (64) P pitches (72)   V voices of the drums a family makes (12 of the kit, or the 72 pitches)
    R feature rows   C channels                    Z noise                      W width of the vector that
    steers a network K choices of a plan for a bar

The four states of a drum tensor never share a name: logits -> probs -> hits -> velocities.
`families.build_generator` and `families.build_discriminator` turn a ModelConfig into the two players.
"""

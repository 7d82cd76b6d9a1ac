# SPDX-License-Identifier: Apache-2.0
"""A computation with a known result, again and again until the file named on the command line exists: wherever a
checkpoint falls, it falls into the middle. Dictionaries, big integers, generators, closures and bytes live across it."""
import hashlib
import os
import sys

print(f'ready pid={os.getpid()}', flush=True)


def primes(limit):
    sieve = bytearray([1]) * limit
    sieve[0:2] = b'\0\0'
    for i in range(2, int(limit ** 0.5) + 1):
        if sieve[i]:
            sieve[i * i :: i] = bytes(len(range(i * i, limit, i)))
    return (i for i, prime in enumerate(sieve) if prime)


def computation():
    total = {}
    product = 1
    for prime in primes(60000):
        total.setdefault(prime % 7, []).append(prime)
        product = product * prime % (1 << 521)
    chain = hashlib.sha256(str(product).encode())
    for rest in sorted(total):
        chain.update(repr((rest, sum(total[rest]), len(total[rest]))).encode())
    return chain.hexdigest()


KNOWN = '0c46ede65105989575ff5baa98ad47b95150310505dbebce51fd933342490713'
results = []
while not os.path.exists(sys.argv[1]):
    results.append(computation())
    if len(results) == 3:
        print('working', flush=True)
results.append(computation())
wrong = [result for result in results if result != KNOWN]
if wrong:
    print(f'bad compute.py: {wrong[0]} ({len(wrong)} of {len(results)})')
    sys.exit(1)
print('ok compute.py')

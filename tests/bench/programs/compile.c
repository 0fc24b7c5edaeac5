/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Input for the compiler: a dozen instances of a few containers by macro.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONTAINERS(T, NAME)                                                                        \
  typedef struct NAME##Node { struct NAME##Node *left, *right; T key; int height; } NAME##Node;    \
  static int NAME##_height (const NAME##Node *n) { return n ? n->height : 0; }                     \
  static NAME##Node *NAME##_fix (NAME##Node *n)                                                    \
  {                                                                                                \
    int l = NAME##_height (n->left), r = NAME##_height (n->right);                                 \
    n->height = 1 + (l > r ? l : r);                                                               \
    return n;                                                                                      \
  }                                                                                                \
  static NAME##Node *NAME##_rotate (NAME##Node *n, int right)                                      \
  {                                                                                                \
    NAME##Node *up = right ? n->left : n->right;                                                   \
    if (right) { n->left = up->right; up->right = n; }                                             \
    else { n->right = up->left; up->left = n; }                                                    \
    NAME##_fix (n);                                                                                \
    return NAME##_fix (up);                                                                        \
  }                                                                                                \
  NAME##Node *NAME##_insert (NAME##Node *n, T key)                                                 \
  {                                                                                                \
    int balance;                                                                                   \
    if (n == NULL)                                                                                 \
      {                                                                                            \
        n = calloc (1, sizeof (*n));                                                               \
        n->key = key;                                                                              \
        return NAME##_fix (n);                                                                     \
      }                                                                                            \
    if (key < n->key) n->left = NAME##_insert (n->left, key);                                      \
    else n->right = NAME##_insert (n->right, key);                                                 \
    balance = NAME##_height (n->left) - NAME##_height (n->right);                                  \
    if (balance > 1) return NAME##_rotate (n, 1);                                                  \
    if (balance < -1) return NAME##_rotate (n, 0);                                                 \
    return NAME##_fix (n);                                                                         \
  }                                                                                                \
  T NAME##_sum (const NAME##Node *n)                                                               \
  {                                                                                                \
    return n ? n->key + NAME##_sum (n->left) + NAME##_sum (n->right) : (T) 0;                      \
  }                                                                                                \
  void NAME##_sort (T *a, int n)                                                                   \
  {                                                                                                \
    for (int gap = n / 2; gap > 0; gap /= 2)                                                       \
      for (int i = gap; i < n; i++)                                                                \
        {                                                                                          \
          T t = a[i];                                                                              \
          int j = i;                                                                               \
          for (; j >= gap && a[j - gap] > t; j -= gap) a[j] = a[j - gap];                          \
          a[j] = t;                                                                                \
        }                                                                                          \
  }                                                                                                \
  void NAME##_multiply (T c[8][8], T a[8][8], T b[8][8])                                           \
  {                                                                                                \
    for (int i = 0; i < 8; i++)                                                                    \
      for (int j = 0; j < 8; j++)                                                                  \
        {                                                                                          \
          c[i][j] = 0;                                                                             \
          for (int k = 0; k < 8; k++) c[i][j] += a[i][k] * b[k][j];                                \
        }                                                                                          \
  }

CONTAINERS (int, ints)
CONTAINERS (long, longs)
CONTAINERS (short, shorts)
CONTAINERS (double, doubles)
CONTAINERS (float, floats)
CONTAINERS (unsigned, unsigneds)
CONTAINERS (unsigned char, bytes)
CONTAINERS (unsigned long, words)

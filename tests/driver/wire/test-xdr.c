/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The codec: bytes as the standard says, random values of every struct there and back, and all that
 * a peer may send instead.
 */
#include "driver/wire/xdr.h"

#include "driver/error.h"
#include "driver/wire/params.h"
#include "driver/wire/remote.h"
#include "random-struct.h"

#include <string.h>

#define NO_LIMIT 0x7fffffff

static GByteArray *
encode (const CopXdrType *type, const void *value)
{
  GByteArray *bytes = g_byte_array_new ();
  g_autoptr (GError) error = NULL;

  cop_xdr_encode (type, value, bytes, NO_LIMIT, &error);
  g_assert_no_error (error);
  return bytes;
}

static const CopXdrType *
ret_of (int procedure)
{
  return cop_program_find (&cop_remote_program, procedure)->ret ();
}

static void
test_bytes (void)
{
  static const uint8_t wanted[] = {
    0, 0, 0, 4, 'a', 'b', 'c', 'd', 0,  1,  2,    3,    4,    5,
    6, 7, 8, 9, 10,  11,  12,  13,  14, 15, 0xff, 0xff, 0xff, 0xff,
  };
  CopRemoteDomainLookupByNameRet ret = { .dom = { .name = (char *) "abcd", .id = -1 } };
  g_autoptr (GByteArray) bytes = NULL;

  g_test_summary ("a domain is a string, 16 raw bytes and a signed number");
  for (uint8_t i = 0; i < 16; i++)
    ret.dom.uuid[i] = i;
  bytes = encode (ret_of (COP_REMOTE_DOMAIN_LOOKUP_BY_NAME), &ret);
  g_assert_cmpmem (bytes->data, bytes->len, wanted, sizeof wanted);
}

static void
test_padding_and_wide (void)
{
  static const uint8_t wanted[] = {
    0, 0, 0, 2, 0, 0, 0, 'x', 0, 0, 0, 'y', /* model: four bytes for each character */
    0, 0, 0, 0, /* doi */
  };
  CopRemoteNodeGetSecurityModelRet ret = { .model = { (uint8_t *) "xy", 2 } };
  CopRemoteConnectGetTypeRet type = { .type = (char *) "abcde" };
  g_autoptr (GByteArray) wide = encode (ret_of (COP_REMOTE_NODE_GET_SECURITY_MODEL), &ret);
  g_autoptr (GByteArray) padded = encode (ret_of (COP_REMOTE_CONNECT_GET_TYPE), &type);

  g_assert_cmpmem (wide->data, wide->len, wanted, sizeof wanted);
  g_assert_cmpmem (padded->data, padded->len, "\0\0\0\5abcde\0\0\0", 12);
}

static void
test_params (void)
{
  static const uint8_t wanted[] = {
    0, 0, 0, 2, /* type */
    0, 0, 0, 2, /* two parameters */
    0, 0, 0, 1, 'n', 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 7, /* n: unsigned 7 */
    0, 0, 0, 1, 's', 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 2, 'o', 'k', 0, 0, /* s: "ok" */
  };
  g_auto (CopParams) params = COP_PARAMS_INIT;
  CopRemoteDomainGetJobStatsRet ret = { .type = 2 };
  g_autoptr (GByteArray) bytes = NULL;

  cop_params_add_uint (&params, "n", 7);
  cop_params_add_string (&params, "s", "ok");
  cop_params_steal (&params, &ret.params, &ret.n_params);
  bytes = encode (ret_of (COP_REMOTE_DOMAIN_GET_JOB_STATS), &ret);
  g_assert_cmpmem (bytes->data, bytes->len, wanted, sizeof wanted);
  cop_xdr_clear (ret_of (COP_REMOTE_DOMAIN_GET_JOB_STATS), &ret);
}

/* There and back ------------------------------------------------------------------------------- */

static void
check_random (const CopXdrType *type, const char *name, gpointer data)
{
  g_autofree void *value = g_malloc0 (MAX (type->size, 1));
  g_autofree void *again = g_malloc0 (MAX (type->size, 1));

  for (int i = 0; i < 20; i++)
    {
      g_autoptr (GByteArray) first = NULL, second = NULL;
      g_autoptr (GError) error = NULL;

      random_struct_fill (type, value, data, 6);
      first = encode (type, value);
      cop_xdr_decode (type, first->data, first->len, again, &error);
      g_test_message ("%s", name);
      g_assert_no_error (error);
      second = encode (type, again);
      g_assert_cmpmem (first->data, first->len, second->data, second->len);
      cop_xdr_clear (type, value);
      cop_xdr_clear (type, again);
    }
}

static void
test_random (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (g_test_rand_int () & 0x7fffffff);

  g_test_summary ("what is encoded of any struct is decoded as it was");
  random_struct_each (check_random, rand);
}

static void
check_cut (const CopXdrType *type, G_GNUC_UNUSED const char *name, gpointer data)
{
  g_autofree void *value = g_malloc0 (MAX (type->size, 1));
  g_autoptr (GByteArray) bytes = NULL;

  random_struct_fill (type, value, data, 3);
  bytes = encode (type, value);
  cop_xdr_clear (type, value);
  for (size_t length = 0; length < bytes->len; length++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree uint8_t *part = g_memdup2 (bytes->data, length);

      g_assert_false (cop_xdr_decode (type, part, length, value, &error));
      g_assert_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_RPC);
    }
  g_byte_array_append (bytes, (const uint8_t *) "\0\0\0\0", 4);
  g_assert_false (cop_xdr_decode (type, bytes->data, bytes->len, value, NULL));
}

static void
test_cut (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);

  g_test_summary ("a message that is cut short, or goes on, is refused and leaks nothing");
  random_struct_each (check_cut, rand);
}

static void
check_mutated (const CopXdrType *type, G_GNUC_UNUSED const char *name, gpointer data)
{
  GRand *rand = data;
  g_autofree void *value = g_malloc0 (MAX (type->size, 1));

  for (int i = 0; i < 20; i++)
    {
      g_autoptr (GByteArray) bytes = NULL;

      random_struct_fill (type, value, rand, 4);
      bytes = encode (type, value);
      cop_xdr_clear (type, value);
      for (int k = 0; bytes->len > 0 && k < 4; k++)
        bytes->data[g_rand_int_range (rand, 0, (gint32) bytes->len)] = (uint8_t) g_rand_int (rand);
      if (cop_xdr_decode (type, bytes->data, bytes->len, value, NULL))
        {
          g_autoptr (GByteArray) again = encode (type, value);

          g_assert_cmpuint (again->len, ==, bytes->len);
          cop_xdr_clear (type, value);
        }
    }
}

static void
test_mutated (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (g_test_rand_int () & 0x7fffffff);

  random_struct_each (check_mutated, rand);
}

/* Limits --------------------------------------------------------------------------------------- */

/* Gives the one list of an otherwise empty struct a length. Items of the limit's size would take
 * hundreds of megabytes for the largest, so those are left to the count alone. */
#define LARGEST 20000

static void
check_limit (const CopXdrType *type, const char *name, G_GNUC_UNUSED gpointer data)
{
  for (const CopXdrField *field = type->fields; field->kind != COP_XDR_END; field++)
    {
      g_autofree char *value = NULL;
      g_autoptr (GByteArray) bytes = g_byte_array_new ();
      g_autoptr (GError) error = NULL;
      size_t size = 8;
      g_autofree void *items = NULL;

      if (field->count_offset == 0 && field->kind != COP_XDR_INTS &&
          field->kind != COP_XDR_STRINGS && field->kind != COP_XDR_ARRAY &&
          field->kind != COP_XDR_UINTS && field->kind != COP_XDR_UHYPERS &&
          field->kind != COP_XDR_PARAMS)
        continue;
      if (field->max > LARGEST || field->kind == COP_XDR_PARAMS)
        continue;
      if (field->kind == COP_XDR_ARRAY)
        size = field->type ()->size;
      value = g_malloc0 (type->size);
      items = g_malloc0_n (field->max + 1, size);
      *(void **) (void *) (value + field->offset) = items;
      *(uint32_t *) (void *) (value + field->count_offset) = field->max + 1;
      g_test_message ("%s: %s", name, field->name);
      g_assert_false (cop_xdr_encode (type, value, bytes, NO_LIMIT, &error));
      g_assert_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_RPC);
      g_assert_nonnull (strstr (error->message, field->name));
      g_assert_cmpuint (bytes->len, ==, 0);

      *(uint32_t *) (void *) (value + field->count_offset) = field->max;
      g_assert_true (cop_xdr_encode (type, value, bytes, NO_LIMIT, NULL));
    }
}

static void
test_limits (void)
{
  g_test_summary ("a list is sent up to its limit, and not beyond: the client would refuse it all");
  random_struct_each (check_limit, NULL);
}

static void
test_claims (void)
{
  /* 16384 domains, and none there. */
  static const uint8_t claim[] = { 0, 0, 0x40, 0, 0, 0, 0, 0 };
  static const uint8_t too_many[] = { 0, 0, 0x40, 1, 0, 0, 0, 0 };
  static const uint8_t zero[] = { 0, 0, 0, 3, 'a', 0, 'b', 0 };
  static const uint8_t boolean[] = { 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0 };
  CopRemoteConnectListAllDomainsRet list;
  CopRemoteConnectGetTypeRet type;
  CopRemoteConnectOpenArgs open;
  g_autoptr (GError) error = NULL;

  g_test_summary ("counts without items, bytes 0 in strings and odd booleans are refused");
  g_assert_false (cop_xdr_decode (ret_of (COP_REMOTE_CONNECT_LIST_ALL_DOMAINS), claim, sizeof claim,
                                  &list, &error));
  g_clear_error (&error);
  g_assert_false (cop_xdr_decode (ret_of (COP_REMOTE_CONNECT_LIST_ALL_DOMAINS), too_many,
                                  sizeof too_many, &list, &error));
  g_clear_error (&error);
  g_assert_false (
    cop_xdr_decode (ret_of (COP_REMOTE_CONNECT_GET_TYPE), zero, sizeof zero, &type, &error));
  g_clear_error (&error);
  g_assert_false (
    cop_xdr_decode (cop_program_find (&cop_remote_program, COP_REMOTE_CONNECT_OPEN)->args (),
                    boolean, sizeof boolean, &open, &error));
}

static void
test_packet_limit (void)
{
  g_autofree char *text = g_strnfill (1000, 'x');
  CopRemoteConnectGetTypeRet ret = { .type = text };
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  g_assert_false (cop_xdr_encode (ret_of (COP_REMOTE_CONNECT_GET_TYPE), &ret, bytes, 1003, NULL));
  g_assert_cmpuint (bytes->len, ==, 0);
  g_assert_true (cop_xdr_encode (ret_of (COP_REMOTE_CONNECT_GET_TYPE), &ret, bytes, 1004, NULL));
  g_assert_cmpuint (bytes->len, ==, 1004);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/wire/xdr/bytes", test_bytes);
  g_test_add_func ("/wire/xdr/padding-and-wide", test_padding_and_wide);
  g_test_add_func ("/wire/xdr/params", test_params);
  g_test_add_func ("/wire/xdr/random", test_random);
  g_test_add_func ("/wire/xdr/cut", test_cut);
  g_test_add_func ("/wire/xdr/mutated", test_mutated);
  g_test_add_func ("/wire/xdr/limits", test_limits);
  g_test_add_func ("/wire/xdr/claims", test_claims);
  g_test_add_func ("/wire/xdr/packet-limit", test_packet_limit);
  return g_test_run ();
}

/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Encoding and decoding of structs by their tables of fields.
 *
 * Source: RFC 4506; libvirt's own habit of sending char and short as four bytes each
 */
#include "driver/wire/xdr.h"

#include "driver/error.h"
#include "driver/wire/params.h"

#include <glib/gi18n-lib.h>
#include <string.h>

/* Both directions stop at the first fault; @field is then the innermost that was being done. */
typedef struct
{
  GByteArray *out;
  size_t limit;
  const char *field;
  const char *fault; /* a format for the field's name, untranslated */
} Writer;

typedef struct
{
  const uint8_t *p, *end;
  const char *field;
  const char *fault;
} Reader;

#define MEMBER(value, type, offset) ((type *) (void *) ((uint8_t *) (value) + (offset)))
#define CONST_MEMBER(value, type, offset)                                                          \
  ((const type *) (const void *) ((const uint8_t *) (value) + (offset)))

/* Bytes of the padding behind @length others. */
static size_t
padding (size_t length)
{
  return -length & 3;
}

static void
set_fault (GError **error, const char *fault, const char *field)
{
  g_autofree char *text = g_strdup_printf (g_dgettext (GETTEXT_PACKAGE, "%s: %s"), field,
                                           g_dgettext (GETTEXT_PACKAGE, fault));

  g_set_error_literal (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_RPC, text);
}

/* Encoding ------------------------------------------------------------------------------------- */

static uint8_t *
put (Writer *w, size_t length)
{
  size_t at = w->out->len;

  if (w->fault != NULL)
    return NULL;
  if (at > w->limit || length > w->limit - at)
    {
      w->fault = N_ ("the message is too long");
      return NULL;
    }
  g_byte_array_set_size (w->out, (guint) (at + length));
  return w->out->data + at;
}

static void
put_32 (Writer *w, uint32_t value)
{
  uint8_t *p = put (w, 4);

  value = GUINT32_TO_BE (value);
  if (p != NULL)
    memcpy (p, &value, 4);
}

static void
put_64 (Writer *w, uint64_t value)
{
  uint8_t *p = put (w, 8);

  value = GUINT64_TO_BE (value);
  if (p != NULL)
    memcpy (p, &value, 8);
}

static void
put_bytes (Writer *w, const void *data, size_t length, size_t max)
{
  uint8_t *p;

  if (length > max)
    {
      w->fault = N_ ("longer than a client takes");
      return;
    }
  put_32 (w, (uint32_t) length);
  p = put (w, length + padding (length));
  if (p == NULL)
    return;
  if (length > 0)
    memcpy (p, data, length);
  memset (p + length, 0, padding (length));
}

static void
put_string (Writer *w, const char *string)
{
  put_bytes (w, string, string != NULL ? strlen (string) : 0, COP_XDR_STRING_MAX);
}

static void
put_wide (Writer *w, const uint8_t *data, size_t length)
{
  uint8_t *p = put (w, length * 4);

  if (p == NULL)
    return;
  for (size_t i = 0; i < length; i++, p += 4)
    {
      p[0] = p[1] = p[2] = 0;
      p[3] = data[i];
    }
}

static void
put_param (Writer *w, const CopTypedParam *param)
{
  uint64_t bits;

  put_bytes (w, param->field, strlen (param->field), COP_PARAM_FIELD_MAX);
  put_32 (w, param->type);
  switch (param->type)
    {
    case COP_PARAM_INT:
      put_32 (w, (uint32_t) param->value.i);
      break;
    case COP_PARAM_UINT:
      put_32 (w, param->value.u);
      break;
    case COP_PARAM_LLONG:
      put_64 (w, (uint64_t) param->value.l);
      break;
    case COP_PARAM_ULLONG:
      put_64 (w, param->value.ul);
      break;
    case COP_PARAM_DOUBLE:
      memcpy (&bits, &param->value.d, 8);
      put_64 (w, bits);
      break;
    case COP_PARAM_BOOLEAN:
      put_32 (w, param->value.b);
      break;
    case COP_PARAM_STRING:
      put_string (w, param->value.s);
      break;
    case COP_PARAM_LAST:
      w->fault = N_ ("a parameter has no type");
      break;
    }
}

static void put_struct (Writer *w, const CopXdrType *type, const void *value);

static void
put_list (Writer *w, const CopXdrField *field, const void *value)
{
  uint32_t n = *CONST_MEMBER (value, uint32_t, field->count_offset);
  const void *items = *CONST_MEMBER (value, void *, field->offset);
  const CopXdrType *type;

  if (n > field->max)
    {
      w->fault = N_ ("more items than a client takes");
      return;
    }
  put_32 (w, n);
  for (uint32_t i = 0; i < n && w->fault == NULL; i++)
    switch (field->kind)
      {
      case COP_XDR_INTS:
      case COP_XDR_UINTS:
        put_32 (w, ((const uint32_t *) items)[i]);
        break;
      case COP_XDR_UHYPERS:
        put_64 (w, ((const uint64_t *) items)[i]);
        break;
      case COP_XDR_STRINGS:
        put_string (w, ((char *const *) items)[i]);
        break;
      case COP_XDR_PARAMS:
        put_param (w, (const CopTypedParam *) items + i);
        break;
      default:
        type = field->type ();
        put_struct (w, type, (const uint8_t *) items + i * type->size);
        break;
      }
}

static void
put_field (Writer *w, const CopXdrField *field, const void *value)
{
  const CopBytes *bytes;
  const void *pointer;
  uint64_t bits;
  uint8_t *p;

  switch (field->kind)
    {
    case COP_XDR_INT:
    case COP_XDR_UINT:
    case COP_XDR_NARROW:
      put_32 (w, *CONST_MEMBER (value, uint32_t, field->offset));
      break;
    case COP_XDR_HYPER:
    case COP_XDR_UHYPER:
    case COP_XDR_DOUBLE:
      memcpy (&bits, CONST_MEMBER (value, uint64_t, field->offset), 8);
      put_64 (w, bits);
      break;
    case COP_XDR_STRING:
      put_string (w, *CONST_MEMBER (value, char *, field->offset));
      break;
    case COP_XDR_OSTRING:
      pointer = *CONST_MEMBER (value, char *, field->offset);
      put_32 (w, pointer != NULL);
      if (pointer != NULL)
        put_string (w, pointer);
      break;
    case COP_XDR_UUID:
      p = put (w, 16);
      if (p != NULL)
        memcpy (p, CONST_MEMBER (value, uint8_t, field->offset), 16);
      break;
    case COP_XDR_OPAQUE:
      bytes = CONST_MEMBER (value, CopBytes, field->offset);
      put_bytes (w, bytes->data, bytes->length, field->max);
      break;
    case COP_XDR_WIDE:
      bytes = CONST_MEMBER (value, CopBytes, field->offset);
      if (bytes->length > field->max)
        w->fault = N_ ("longer than a client takes");
      put_32 (w, bytes->length);
      put_wide (w, bytes->data, bytes->length);
      break;
    case COP_XDR_WIDE_FIXED:
      put_wide (w, CONST_MEMBER (value, uint8_t, field->offset), field->max);
      break;
    case COP_XDR_STRUCT:
      put_struct (w, field->type (), CONST_MEMBER (value, uint8_t, field->offset));
      break;
    case COP_XDR_OPTIONAL:
      pointer = *CONST_MEMBER (value, void *, field->offset);
      put_32 (w, pointer != NULL);
      if (pointer != NULL)
        put_struct (w, field->type (), pointer);
      break;
    case COP_XDR_ARRAY:
    case COP_XDR_INTS:
    case COP_XDR_UINTS:
    case COP_XDR_UHYPERS:
    case COP_XDR_STRINGS:
    case COP_XDR_PARAMS:
      put_list (w, field, value);
      break;
    case COP_XDR_END:
      break;
    }
}

static void
put_struct (Writer *w, const CopXdrType *type, const void *value)
{
  for (const CopXdrField *field = type->fields; field->kind != COP_XDR_END; field++)
    {
      if (w->fault != NULL)
        return;
      w->field = field->name;
      put_field (w, field, value);
    }
}

bool
cop_xdr_encode (const CopXdrType *type, const void *value, GByteArray *out, size_t limit,
                GError **error)
{
  Writer w = { .out = out, .limit = MIN (limit, G_MAXUINT / 2) };
  guint length = out->len;

  put_struct (&w, type, value);
  if (w.fault == NULL)
    return true;
  g_byte_array_set_size (out, length);
  set_fault (error, w.fault, w.field);
  return false;
}

/* Decoding ------------------------------------------------------------------------------------- */

/* Returns: the next @length bytes, or NULL when there are not so many */
static const uint8_t *
get (Reader *r, size_t length)
{
  const uint8_t *p = r->p;

  if (r->fault != NULL)
    return NULL;
  if (length > (size_t) (r->end - p))
    {
      r->fault = N_ ("the message ends too early");
      return NULL;
    }
  r->p += length;
  return p;
}

static uint32_t
get_32 (Reader *r)
{
  const uint8_t *p = get (r, 4);
  uint32_t value = 0;

  if (p != NULL)
    memcpy (&value, p, 4);
  return GUINT32_FROM_BE (value);
}

static uint64_t
get_64 (Reader *r)
{
  const uint8_t *p = get (r, 8);
  uint64_t value = 0;

  if (p != NULL)
    memcpy (&value, p, 8);
  return GUINT64_FROM_BE (value);
}

static bool
get_bool (Reader *r)
{
  uint32_t value = get_32 (r);

  if (value > 1 && r->fault == NULL)
    r->fault = N_ ("neither true nor false");
  return value == 1;
}

/* Returns: a count of at most @max items, each of which takes at least @size bytes; 0 on a fault */
static uint32_t
get_count (Reader *r, uint32_t max, size_t size)
{
  uint32_t n = get_32 (r);

  if (r->fault != NULL)
    return 0;
  if (n > max)
    r->fault = N_ ("longer than allowed");
  else if (n > (size_t) (r->end - r->p) / MAX (size, 1))
    r->fault = N_ ("the message ends too early");
  return r->fault == NULL ? n : 0;
}

static uint8_t *
get_bytes (Reader *r, uint32_t max, uint32_t *length)
{
  uint32_t n = get_count (r, max, 1);
  const uint8_t *p = get (r, n + padding (n));

  *length = 0;
  if (p == NULL || n == 0)
    return NULL;
  *length = n;
  return g_memdup2 (p, n);
}

static char *
get_string (Reader *r, uint32_t max)
{
  uint32_t n = get_count (r, max, 1);
  const uint8_t *p = get (r, n + padding (n));

  if (p == NULL)
    return NULL;
  if (memchr (p, 0, n) != NULL)
    {
      r->fault = N_ ("a byte 0 within a string");
      return NULL;
    }
  return g_strndup ((const char *) p, n);
}

static void
get_wide (Reader *r, uint8_t *data, uint32_t length)
{
  const uint8_t *p = get (r, (size_t) length * 4);

  if (p == NULL)
    return;
  for (uint32_t i = 0; i < length; i++)
    data[i] = p[i * 4 + 3];
}

static void
get_param (Reader *r, CopTypedParam *param)
{
  uint32_t type;
  uint64_t bits;

  param->field = get_string (r, COP_PARAM_FIELD_MAX);
  type = get_32 (r);
  switch (type)
    {
    case COP_PARAM_INT:
      param->value.i = (int32_t) get_32 (r);
      break;
    case COP_PARAM_UINT:
      param->value.u = get_32 (r);
      break;
    case COP_PARAM_LLONG:
      param->value.l = (int64_t) get_64 (r);
      break;
    case COP_PARAM_ULLONG:
      param->value.ul = get_64 (r);
      break;
    case COP_PARAM_DOUBLE:
      bits = get_64 (r);
      memcpy (&param->value.d, &bits, 8);
      break;
    case COP_PARAM_BOOLEAN:
      param->value.b = get_32 (r) != 0;
      break;
    case COP_PARAM_STRING:
      param->value.s = get_string (r, COP_XDR_STRING_MAX);
      break;
    default:
      if (r->fault == NULL)
        r->fault = N_ ("a parameter of an unknown type");
      return;
    }
  param->type = type;
}

/* The fewest bytes that a value takes: what bounds an array's count. */
static size_t
least_size (const CopXdrType *type)
{
  size_t size = 0;

  for (const CopXdrField *field = type->fields; field->kind != COP_XDR_END; field++)
    switch (field->kind)
      {
      case COP_XDR_HYPER:
      case COP_XDR_UHYPER:
      case COP_XDR_DOUBLE:
        size += 8;
        break;
      case COP_XDR_UUID:
        size += 16;
        break;
      case COP_XDR_WIDE_FIXED:
        size += (size_t) field->max * 4;
        break;
      case COP_XDR_STRUCT:
        size += least_size (field->type ());
        break;
      default:
        size += 4;
        break;
      }
  return size;
}

static void get_struct (Reader *r, const CopXdrType *type, void *value);

static void
get_list (Reader *r, const CopXdrField *field, void *value)
{
  static const struct
  {
    size_t wire, memory;
  } sizes[] = {
    [COP_XDR_INTS] = { 4, 4 },
    [COP_XDR_UINTS] = { 4, 4 },
    [COP_XDR_UHYPERS] = { 8, 8 },
    [COP_XDR_STRINGS] = { 4, sizeof (char *) },
    [COP_XDR_PARAMS] = { 12, sizeof (CopTypedParam) },
  };
  const CopXdrType *type = field->kind == COP_XDR_ARRAY ? field->type () : NULL;
  size_t wire = type != NULL ? least_size (type) : sizes[field->kind].wire;
  size_t memory = type != NULL ? type->size : sizes[field->kind].memory;
  uint32_t n = get_count (r, field->max, wire);
  uint8_t *items;

  if (n == 0)
    return;
  items = g_malloc0_n (n, memory);
  *MEMBER (value, void *, field->offset) = items;
  *MEMBER (value, uint32_t, field->count_offset) = n;
  for (uint32_t i = 0; i < n && r->fault == NULL; i++)
    switch (field->kind)
      {
      case COP_XDR_INTS:
      case COP_XDR_UINTS:
        ((uint32_t *) (void *) items)[i] = get_32 (r);
        break;
      case COP_XDR_UHYPERS:
        ((uint64_t *) (void *) items)[i] = get_64 (r);
        break;
      case COP_XDR_STRINGS:
        ((char **) (void *) items)[i] = get_string (r, COP_XDR_STRING_MAX);
        break;
      case COP_XDR_PARAMS:
        get_param (r, (CopTypedParam *) (void *) items + i);
        break;
      default:
        get_struct (r, type, items + i * memory);
        break;
      }
}

static void
get_field (Reader *r, const CopXdrField *field, void *value)
{
  const CopXdrType *type;
  const uint8_t *p;
  CopBytes *bytes;
  uint64_t bits;

  switch (field->kind)
    {
    case COP_XDR_INT:
    case COP_XDR_UINT:
    case COP_XDR_NARROW:
      *MEMBER (value, uint32_t, field->offset) = get_32 (r);
      break;
    case COP_XDR_HYPER:
    case COP_XDR_UHYPER:
    case COP_XDR_DOUBLE:
      bits = get_64 (r);
      memcpy (MEMBER (value, uint64_t, field->offset), &bits, 8);
      break;
    case COP_XDR_STRING:
      *MEMBER (value, char *, field->offset) = get_string (r, COP_XDR_STRING_MAX);
      break;
    case COP_XDR_OSTRING:
      if (get_bool (r))
        *MEMBER (value, char *, field->offset) = get_string (r, COP_XDR_STRING_MAX);
      break;
    case COP_XDR_UUID:
      p = get (r, 16);
      if (p != NULL)
        memcpy (MEMBER (value, uint8_t, field->offset), p, 16);
      break;
    case COP_XDR_OPAQUE:
      bytes = MEMBER (value, CopBytes, field->offset);
      bytes->data = get_bytes (r, field->max, &bytes->length);
      break;
    case COP_XDR_WIDE:
      bytes = MEMBER (value, CopBytes, field->offset);
      bytes->length = get_count (r, field->max, 4);
      bytes->data = bytes->length > 0 ? g_malloc (bytes->length) : NULL;
      get_wide (r, bytes->data, bytes->length);
      break;
    case COP_XDR_WIDE_FIXED:
      get_wide (r, MEMBER (value, uint8_t, field->offset), field->max);
      break;
    case COP_XDR_STRUCT:
      get_struct (r, field->type (), MEMBER (value, uint8_t, field->offset));
      break;
    case COP_XDR_OPTIONAL:
      if (!get_bool (r))
        break;
      type = field->type ();
      *MEMBER (value, void *, field->offset) = g_malloc0 (type->size);
      get_struct (r, type, *MEMBER (value, void *, field->offset));
      break;
    case COP_XDR_ARRAY:
    case COP_XDR_INTS:
    case COP_XDR_UINTS:
    case COP_XDR_UHYPERS:
    case COP_XDR_STRINGS:
    case COP_XDR_PARAMS:
      get_list (r, field, value);
      break;
    case COP_XDR_END:
      break;
    }
}

static void
get_struct (Reader *r, const CopXdrType *type, void *value)
{
  for (const CopXdrField *field = type->fields; field->kind != COP_XDR_END; field++)
    {
      if (r->fault != NULL)
        return;
      r->field = field->name;
      get_field (r, field, value);
    }
}

bool
cop_xdr_decode (const CopXdrType *type, const uint8_t *data, size_t length, void *value,
                GError **error)
{
  Reader r = { .p = data, .end = data + length, .field = "message" };

  memset (value, 0, type->size);
  get_struct (&r, type, value);
  if (r.fault == NULL && r.p != r.end)
    r.fault = N_ ("the message goes on behind its last field");
  if (r.fault == NULL)
    return true;
  cop_xdr_clear (type, value);
  set_fault (error, r.fault, r.field);
  return false;
}

/* Ownership ------------------------------------------------------------------------------------ */

static void
clear_list (const CopXdrField *field, void *value)
{
  uint32_t n = *MEMBER (value, uint32_t, field->count_offset);
  uint8_t *items = *MEMBER (value, void *, field->offset);
  const CopXdrType *type;

  if (items == NULL)
    return;
  if (field->kind == COP_XDR_STRINGS)
    for (uint32_t i = 0; i < n; i++)
      g_free (((char **) (void *) items)[i]);
  else if (field->kind == COP_XDR_PARAMS)
    {
      CopParams params = { (CopTypedParam *) (void *) items, n, n };

      cop_params_clear (&params);
      return;
    }
  else if (field->kind == COP_XDR_ARRAY)
    {
      type = field->type ();
      for (uint32_t i = 0; i < n; i++)
        cop_xdr_clear (type, items + i * type->size);
    }
  g_free (items);
}

void
cop_xdr_clear (const CopXdrType *type, void *value)
{
  if (value == NULL)
    return;
  for (const CopXdrField *field = type->fields; field->kind != COP_XDR_END; field++)
    switch (field->kind)
      {
      case COP_XDR_STRING:
      case COP_XDR_OSTRING:
        g_free (*MEMBER (value, char *, field->offset));
        break;
      case COP_XDR_OPAQUE:
      case COP_XDR_WIDE:
        g_free (MEMBER (value, CopBytes, field->offset)->data);
        break;
      case COP_XDR_STRUCT:
        cop_xdr_clear (field->type (), MEMBER (value, uint8_t, field->offset));
        break;
      case COP_XDR_OPTIONAL:
        cop_xdr_clear (field->type (), *MEMBER (value, void *, field->offset));
        g_free (*MEMBER (value, void *, field->offset));
        break;
      case COP_XDR_ARRAY:
      case COP_XDR_INTS:
      case COP_XDR_UINTS:
      case COP_XDR_UHYPERS:
      case COP_XDR_STRINGS:
      case COP_XDR_PARAMS:
        clear_list (field, value);
        break;
      default:
        break;
      }
  memset (value, 0, type->size);
}

void
cop_xdr_copy (const CopXdrType *type, const void *from, void *to)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  /* A copy is for events and tests, not for what must be fast: one way through the tables serves.
   */
  if (!cop_xdr_encode (type, from, bytes, G_MAXUINT / 2, NULL) ||
      !cop_xdr_decode (type, bytes->data, bytes->len, to, NULL))
    memset (to, 0, type->size);
}

/* Signatures ----------------------------------------------------------------------------------- */

static void
append_signature (GString *text, const CopXdrType *type)
{
  static const char letters[] = {
    [COP_XDR_INT] = 'i',     [COP_XDR_UINT] = 'u',    [COP_XDR_NARROW] = 'z',
    [COP_XDR_HYPER] = 'h',   [COP_XDR_UHYPER] = 'H',  [COP_XDR_DOUBLE] = 'f',
    [COP_XDR_STRING] = 's',  [COP_XDR_OSTRING] = 'S', [COP_XDR_UUID] = 'U',
    [COP_XDR_OPAQUE] = 'y',  [COP_XDR_WIDE] = 'z',    [COP_XDR_WIDE_FIXED] = 'z',
    [COP_XDR_INTS] = 'i',    [COP_XDR_UINTS] = 'u',   [COP_XDR_UHYPERS] = 'H',
    [COP_XDR_STRINGS] = 's', [COP_XDR_PARAMS] = 't',
  };

  for (const CopXdrField *field = type->fields; field->kind != COP_XDR_END; field++)
    {
      const CopXdrType *inner = field->type != NULL ? field->type () : NULL;

      g_string_append_printf (text, "%s%s:", field == type->fields ? "" : " ", field->name);
      if (inner == NULL)
        g_string_append_c (text, letters[field->kind]);
      else if (inner->letter != 0)
        g_string_append_c (text, field->kind == COP_XDR_OPTIONAL ? g_ascii_toupper (inner->letter)
                                                                 : inner->letter);
      else
        {
          g_string_append (text, field->kind == COP_XDR_OPTIONAL ? "?{" : "{");
          append_signature (text, inner);
          g_string_append_c (text, '}');
        }
      if (field->kind == COP_XDR_WIDE_FIXED)
        g_string_append_printf (text, "[%u]", field->max);
      else if (field->max != 0)
        g_string_append_printf (text, "*%u", field->max);
    }
}

char *
cop_xdr_signature (const CopXdrType *type)
{
  GString *text = g_string_new (NULL);

  append_signature (text, type);
  return g_string_free (text, FALSE);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Elements, described once.
 *
 * A row binds a place in the document to a member of a struct. From the rows of an element come
 * its parser, formatter, free, copy and equal, the comparison of two definitions, the RELAX NG
 * schema, the reference page, and the random configurations of the tests:
 *
 *   <disk type='file'>              @type          CopDomainDisk.type
 *     <source file='/d.img'/>       source/@file   CopDomainDisk.source   when type is file
 *     <readonly/>                   readonly       CopDomainDisk.readonly
 *   </disk>
 *
 * Rows stand in document order. A path is relative to its element: "@a" is an attribute, "b" a
 * child element, "b/@c" an attribute of one, "." the element's own text. The last part of the path
 * of a NO_EFFECT or REFUSED row may have a condition, "controller[@type='usb']", or "a[]" for an
 * empty element; such a row stands before the one for all others of that name.
 */
#pragma once

#include "common/names.h"
#include "xml/error.h"

#include <glib.h>
#include <libxml/tree.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct CopXmlElement CopXmlElement;

typedef enum
{
  COP_XML_KIND_TEXT,            /* char *, NULL when absent */
  COP_XML_KIND_ENUM,            /* an enum with a table of names; absent when the name is NULL */
  COP_XML_KIND_FLAG,            /* bool: the empty element is there or not */
  COP_XML_KIND_UINT,            /* unsigned, 0 when absent */
  COP_XML_KIND_INDEX,           /* int, -1 when absent */
  COP_XML_KIND_SIZE,            /* uint64_t bytes, 0 when absent; the element has a @unit */
  COP_XML_KIND_UUID,            /* uint8_t[16], all zero when absent */
  COP_XML_KIND_MAC,             /* uint8_t[6], all zero when absent */
  COP_XML_KIND_LIST,            /* GPtrArray * of structs, one for each element of that name */
  COP_XML_KIND_FOREIGN,         /* GPtrArray * of what functions of the row read and write */
  COP_XML_KIND_NO_EFFECT,       /* harmless: dropped, and noted with the reason */
  COP_XML_KIND_REFUSED,         /* libvirt's format has it, we do not: an error with a way out */
} CopXmlKind;

/* What changing the value means for a machine that runs. */
typedef enum
{
  COP_XML_CHANGE_GUEST,         /* the guest sees it */
  COP_XML_CHANGE_HOST,          /* only the host does */
  COP_XML_CHANGE_LIVE,          /* can change while the machine runs */
} CopXmlChange;

/* Content of elements that no row table describes: <metadata>. */
typedef struct
{
  bool     (*parse) (xmlNodePtr node, GPtrArray *list, GError **error);
  /* Returns: (transfer full): the item as XML */
  char    *(*format) (gconstpointer item);
  gpointer (*copy) (gconstpointer item);
  bool     (*equal) (gconstpointer a, gconstpointer b);
  void     (*free) (gpointer item);
} CopXmlForeign;

typedef struct
{
  const char          *path;
  CopXmlKind           kind;
  uint32_t             offset;  /* of the member in the struct */
  uint32_t             size;    /* bytes */
  const CopNames      *names;   /* of ENUM */
  const CopXmlElement *element; /* of LIST */
  const CopXmlForeign *foreign; /* of FOREIGN */
  const char          *pattern; /* of TEXT: a regular expression for the whole (nullable) */
  const char          *examples;        /* of TEXT: values apart by "|", for page and tests */
  const char          *alias;   /* of ENUM: one more word, read as the value 0 */
  const char          *alias_says;      /* why it may be read so, if that is to be noted */
  uint64_t             min;     /* of numbers; of LIST: items */
  uint64_t             max;     /* of numbers; of TEXT: bytes; of LIST: items. 0: no limit */
  uint32_t             when_offset;     /* the row counts only if the enum there ... */
  uint32_t             when_mask;       /* ... has one of these values (bits); 0: always */
  bool                 required;
  bool                 generated;       /* of UUID: an empty element asks for a new value */
  bool                 shares;  /* an earlier row, under another condition, has the same member */
  /* Whether a value is of the running domain only, and does not belong into its definition. */
  bool               (*live) (const char *text);
  CopXmlChange         change;
  bool                 ours;    /* in the namespace of Coppice */
  const char          *otherwise;       /* what a missing value means, for the page */
  const char          *says;    /* meaning, or the reason of NO_EFFECT and REFUSED */
} CopXmlRow;

struct CopXmlElement
{
  const char      *name;
  const CopXmlRow *rows;
  unsigned         n_rows;
  gsize            size;        /* of the struct, bytes */
  /* Sets what is not all zero in a new struct; lists exist already. (nullable) */
  void           (*init) (gpointer data);
  const char      *says;        /* for the page */
};

/* clang-format off */
#define COP_XML_MEMBER(row_kind, row_path, type, member, ctype, ...)            \
  { .path = (row_path), .kind = (row_kind),                                     \
    .offset = _Generic (((type *) 0)->member, ctype: offsetof (type, member)),  \
    .size = sizeof (((type *) 0)->member), __VA_ARGS__ }
#define COP_XML_BYTES(row_kind, row_path, type, member, bytes, ...)             \
  { .path = (row_path), .kind = (row_kind),                                     \
    .offset = offsetof (type, member)                                           \
              + 0 * sizeof (char[sizeof (((type *) 0)->member) == (bytes) ? 1 : -1]), \
    .size = (bytes), __VA_ARGS__ }

#define COP_XML_TEXT(path, type, member, ...) \
  COP_XML_MEMBER (COP_XML_KIND_TEXT, path, type, member, char *, __VA_ARGS__)
#define COP_XML_ENUM(path, type, member, table, ...) \
  COP_XML_MEMBER (COP_XML_KIND_ENUM, path, type, member, unsigned, .names = (table), __VA_ARGS__)
#define COP_XML_FLAG(path, type, member, ...) \
  COP_XML_MEMBER (COP_XML_KIND_FLAG, path, type, member, bool, __VA_ARGS__)
#define COP_XML_UINT(path, type, member, ...) \
  COP_XML_MEMBER (COP_XML_KIND_UINT, path, type, member, unsigned, __VA_ARGS__)
#define COP_XML_INDEX(path, type, member, ...) \
  COP_XML_MEMBER (COP_XML_KIND_INDEX, path, type, member, int, __VA_ARGS__)
#define COP_XML_SIZE(path, type, member, ...) \
  COP_XML_MEMBER (COP_XML_KIND_SIZE, path, type, member, uint64_t, __VA_ARGS__)
#define COP_XML_UUID(path, type, member, ...) \
  COP_XML_BYTES (COP_XML_KIND_UUID, path, type, member, 16, __VA_ARGS__)
#define COP_XML_MAC(path, type, member, ...) \
  COP_XML_BYTES (COP_XML_KIND_MAC, path, type, member, 6, __VA_ARGS__)
#define COP_XML_LIST(path, type, member, item, ...) \
  COP_XML_MEMBER (COP_XML_KIND_LIST, path, type, member, GPtrArray *, .element = (item), \
                  __VA_ARGS__)
#define COP_XML_FOREIGN(path, type, member, functions, ...) \
  COP_XML_MEMBER (COP_XML_KIND_FOREIGN, path, type, member, GPtrArray *, .foreign = (functions), \
                  __VA_ARGS__)
#define COP_XML_NO_EFFECT(row_path, reason, ...) \
  { .path = (row_path), .kind = COP_XML_KIND_NO_EFFECT, .says = (reason), __VA_ARGS__ }
#define COP_XML_REFUSED(row_path, reason, ...) \
  { .path = (row_path), .kind = COP_XML_KIND_REFUSED, .says = (reason), __VA_ARGS__ }

#define COP_XML_WHEN(type, member, mask) \
  .when_offset = offsetof (type, member), .when_mask = (mask)
#define COP_XML_ROWS(type, table_rows) (table_rows), G_N_ELEMENTS (table_rows), sizeof (type)
/* clang-format on */

/* For CopXmlRow.live: values that never belong into a definition. */
bool cop_xml_always_live (const char *text);

/* Whether the row's condition holds for the struct @data. */
bool cop_xml_row_applies (const CopXmlRow *row, gconstpointer data);
/* Whether the row has a member. */
bool cop_xml_row_has_value (const CopXmlRow *row);

/* The last part of a path, without a condition or "@": "dev" of "target/@dev". Not terminated by
   NUL: @length says how long. */
const char *cop_xml_row_leaf (const CopXmlRow *row, gsize *length);
bool cop_xml_row_is_attribute (const CopXmlRow *row);

/**
 * cop_xml_row_get:
 * Returns: (transfer full) (nullable): the member as text; NULL when absent. Not for lists.
 */
char *cop_xml_row_get (const CopXmlRow *row, gconstpointer data);

/**
 * cop_xml_row_set:
 * @unit: (nullable): of SIZE
 *
 * Checks @text and stores it. Errors: %COP_XML_ERROR, saying what is allowed, without the place;
 * @data is unchanged then.
 */
bool cop_xml_row_set (const CopXmlRow *row, gpointer data, const char *text, const char *unit,
                      GError **error);

/* A struct as @element's rows have it: zero, with empty lists. */
gpointer cop_xml_new (const CopXmlElement *element);
void cop_xml_free (const CopXmlElement *element, gpointer data);
gpointer cop_xml_copy (const CopXmlElement *element, gconstpointer data);
bool cop_xml_equal (const CopXmlElement *element, gconstpointer a, gconstpointer b);

/**
 * cop_xml_check:
 * Checks every member that applies against its row, and that required ones are there.
 * @path: how the element is named in messages
 */
bool cop_xml_check (const CopXmlElement *element, gconstpointer data, const char *path,
                    GError **error);

/* Sets members to absent whose value is of the running domain only. */
void cop_xml_clear_live (const CopXmlElement *element, gpointer data);

/* Gives @to the values of the running domain that @from has. */
void cop_xml_copy_live (const CopXmlElement *element, gpointer to, gconstpointer from);

/* A difference between two structs. Strings are NULL where there is nothing. */
typedef void (*CopXmlDiffFunc) (gpointer user, const CopXmlRow *row, const char *path,
                                const char *before, const char *after);

/* Calls @func for each member that differs, but for values of running domains only. */
void cop_xml_diff (const CopXmlElement *element, gconstpointer before, gconstpointer after,
                   const char *path, CopXmlDiffFunc func, gpointer user);

typedef enum
{
  COP_XML_PARSE_LIVE = 1 << 0,  /* keep what is live */
  COP_XML_PARSE_STRICT = 1 << 1,        /* what is unknown is an error */
} CopXmlParseFlags;

/**
 * cop_xml_parse:
 * @element: (array zero-terminated=1): the elements that the document may have as its
 *   root
 * @which: (out) (optional): the one it has
 * @notes: (nullable) (element-type utf8): what was dropped is appended
 *
 * Returns: (transfer full) (nullable): a struct of the element's
 */
gpointer cop_xml_parse (const CopXmlElement *const *elements, const char *text, gsize length,
                        const char *label, unsigned flags, GPtrArray *notes,
                        const CopXmlElement **which, GError **error);

/**
 * cop_xml_format:
 * @without_live: leaves out what is of the running domain only
 * @out: gets the element, indented by @depth steps of two spaces
 */
void cop_xml_format (const CopXmlElement *element, gconstpointer data, bool without_live,
                     unsigned depth, GString *out);

/* Appends text as element content or attribute value. */
void cop_xml_escape (GString *out, const char *text);

/* Outside text as a message may repeat it: short, printable. Returns: (transfer full) */
char *cop_xml_quoted (const char *text);

/* Returns: (transfer full): a RELAX NG schema of documents with @element as their root */
char *cop_xml_schema (const CopXmlElement *element);

/* Appends the reference of @element and all elements below, in Markdown. */
void cop_xml_reference (const CopXmlElement *element, GString *out);

/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtio block device.
 *
 *   chain:  [ header: type, sector ][ data ... ][ status ]
 *            device reads           reads or     writes
 *                                   writes
 *
 * A notify on a hart takes the chains and begins the requests; what the page cache had is complete
 * when it returns, the rest is finished by the I/O thread. All of it holds the device's lock, but
 * nobody waits under it except to drain.
 *
 * Source: VIRTIO 1.2 §5.2
 */
#include "engine/block/block.h"
#include "engine/clock.h"
#include "engine/counters.h"
#include "engine/dev/virtio-devices.h"
#include "engine/dev/virtio.h"

#include <glib-unix.h>
#include <linux/virtio_blk.h>
#include <string.h>
#include <sys/eventfd.h>

/* A request's data is at most 254 segments of 256 KiB: bounded, and larger than drivers ask for. */
#define SEG_MAX (COP_VIRTQUEUE_MAX_SIZE - 2)
#define SIZE_MAX_BYTES (256 * 1024)

/* Of one discard or write-zeroes range: 1 GiB. */
#define RANGE_MAX_SECTORS (1u << 21)

COP_STATE_BEGIN
typedef struct
{
  COP_VIRTIO_STATE_MEMBERS (1);
} CopVirtioBlkState;
COP_STATE_END

typedef struct
{
  CopVirtio                virtio;
  CopVirtioBlkState        s;
  struct virtio_blk_config config;
  CopBlock                *block;       /* (owned) */
  char                     serial[VIRTIO_BLK_ID_BYTES];
  GSource                 *completions; /* (owned): of block->event_fd */
  bool                     draining;
  /* The driver's life that a request belongs to, and how many are left of earlier ones: the storage
     did not answer before a reset. Nothing is begun before they are gone, or they could overtake
     what comes after them. */
  unsigned                 generation;
  unsigned                 n_stale;
  CopDiskCounters         *counters;    /* (unowned) (nullable) */
} CopVirtioBlk;

/* A chain whose data is on its way. Lives from begin() to request_done(). */
typedef struct
{
  CopBlockRequest request;
  CopVirtioBlk   *blk;
  uint16_t        head;
  uint8_t        *status;       /* host address of the chain's last byte */
  uint64_t        begun;        /* host's monotonic ns */
  unsigned        generation;   /* blk->generation when it began */
  uint16_t        n_iov;
  struct iovec    iov[];        /* data */
} Pending;

static const CopStateRow blk_rows[] = { COP_VIRTIO_STATE_ROWS (CopVirtioBlkState) };
static const CopStateTable blk_state = { "virtio-blk", 1,
                                         COP_STATE_ROWS (CopVirtioBlkState, blk_rows) };

static CopVirtqueue *
queue_of (CopVirtioBlk *blk)
{
  return &blk->virtio.queues[0];
}

/* Returns the chain at @head, of whose data @written bytes were written. */
static void
complete (CopVirtioBlk *blk, uint16_t head, uint8_t *status, uint8_t value, uint32_t written)
{
  struct iovec at = { .iov_base = status, .iov_len = 1 };

  *status = value;
  cop_iov_written (blk->virtio.device.ram, &at, 1, 1);
  cop_virtqueue_push (queue_of (blk), head, written + 1);
}

static void
count (CopDiskCounters *counters, const Pending *pending, int result)
{
  /* clang-format off */
  static const int kinds[] = {
    [COP_BLOCK_READ]         = COP_DISK_READ,
    [COP_BLOCK_WRITE]        = COP_DISK_WRITE,
    [COP_BLOCK_FLUSH]        = COP_DISK_FLUSH,
    [COP_BLOCK_DISCARD]      = -1,
    [COP_BLOCK_WRITE_ZEROES] = -1,
  };
  /* clang-format on */
  int kind = kinds[pending->request.op];

  if (result != 0)
    COP_COUNT (counters->errors, 1);
  if (kind < 0)
    return;
  COP_COUNT (counters->requests[kind], 1);
  COP_COUNT (counters->bytes[kind], pending->request.length);
  COP_COUNT (counters->time_ns[kind], cop_clock_host_ns () - pending->begun);
}

static void
request_done (CopBlockRequest *request, int result)
{
  Pending *pending = request->data;
  CopVirtioBlk *blk = pending->blk;

  if (pending->generation != blk->generation)
    {
      g_free (pending);
      if (--blk->n_stale == 0)
        cop_ram_unpin (blk->virtio.device.ram);
      return;
    }
  if (blk->counters != NULL)
    count (blk->counters, pending, result);

  /* A queue that died meanwhile has nobody to tell. */
  if (cop_virtqueue_live (queue_of (blk)))
    {
      bool read = request->op == COP_BLOCK_READ && result == 0;

      if (request->op == COP_BLOCK_READ)
        cop_iov_written (blk->virtio.device.ram, pending->iov, pending->n_iov, request->length);
      complete (blk, pending->head, pending->status,
                result == 0 ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR, read ? request->length : 0);
    }
  g_free (pending);
}

/* Begins @op on the image for the chain @chain, whose data are @n_iov segments at @iov. */
static void
begin (CopVirtioBlk *blk, const CopVirtqueueChain *chain, uint8_t *status, CopBlockOp op,
       uint64_t offset, uint64_t length, bool unmap, const struct iovec *iov, unsigned n_iov)
{
  Pending *pending = g_malloc (sizeof *pending + n_iov * sizeof *iov);

  memset (pending, 0, sizeof *pending);
  pending->blk = blk;
  pending->head = chain->head;
  pending->status = status;
  pending->n_iov = n_iov;
  pending->generation = blk->generation;
  pending->begun = blk->counters != NULL ? cop_clock_host_ns () : 0;
  if (n_iov > 0)
    memcpy (pending->iov, iov, n_iov * sizeof *iov);
  pending->request = (CopBlockRequest){
    .op = op,
    .unmap = unmap,
    /* A driver that cannot flush expects what is done to be durable. */
    .durable = !cop_virtio_has_feature (&blk->virtio, VIRTIO_BLK_F_FLUSH),
    .offset = offset,
    .length = length,
    .iov = pending->iov,
    .n_iov = n_iov,
    .done = request_done,
    .data = pending,
  };
  cop_block_submit (blk->block, &pending->request);
}

static bool
range_in_image (const CopVirtioBlk *blk, uint64_t sector, uint64_t length)
{
  uint64_t sectors = blk->block->size / COP_BLOCK_SECTOR_SIZE;

  return length % COP_BLOCK_SECTOR_SIZE == 0 && sector <= sectors &&
         length / COP_BLOCK_SECTOR_SIZE <= sectors - sector;
}

/* Discard and write zeroes: one range behind the header. Returns: the status, or -1 when begun */
static int
begin_range (CopVirtioBlk *blk, const CopVirtqueueChain *chain, uint8_t *status, CopBlockOp op)
{
  struct virtio_blk_discard_write_zeroes range;
  uint32_t flags, allowed = op == COP_BLOCK_DISCARD ? 0 : VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
  uint64_t sector, length;

  if (chain->out_length != sizeof (struct virtio_blk_outhdr) + sizeof range)
    return VIRTIO_BLK_S_UNSUPP;
  cop_iov_read (chain->iov, chain->n_out, sizeof (struct virtio_blk_outhdr), &range, sizeof range);
  sector = GUINT64_FROM_LE (range.sector);
  length = (uint64_t)GUINT32_FROM_LE (range.num_sectors) * COP_BLOCK_SECTOR_SIZE;
  flags = GUINT32_FROM_LE (range.flags);

  if ((flags & ~allowed) != 0)
    return VIRTIO_BLK_S_UNSUPP;
  if (blk->block->readonly || !range_in_image (blk, sector, length) ||
      length > (uint64_t)RANGE_MAX_SECTORS * COP_BLOCK_SECTOR_SIZE)
    return VIRTIO_BLK_S_IOERR;
  if (length == 0)
    return VIRTIO_BLK_S_OK;
  begin (blk, chain, status, op, sector * COP_BLOCK_SECTOR_SIZE, length,
         (flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP) != 0, NULL, 0);
  return -1;
}

/* Returns: the status, or -1 when begun */
static int
begin_transfer (CopVirtioBlk *blk, const CopVirtqueueChain *chain, uint8_t *status, bool write,
                uint64_t sector)
{
  uint64_t length =
    write ? chain->out_length - sizeof (struct virtio_blk_outhdr) : chain->in_length - 1;
  struct iovec iov[COP_VIRTQUEUE_MAX_SIZE];
  unsigned n_iov;

  if (!range_in_image (blk, sector, length) || length > (uint64_t)SEG_MAX * SIZE_MAX_BYTES)
    return VIRTIO_BLK_S_IOERR;
  if (write && blk->block->readonly)
    return VIRTIO_BLK_S_IOERR;
  if (length == 0)
    return VIRTIO_BLK_S_OK;

  n_iov =
    write ? cop_iov_slice (chain->iov, chain->n_out, sizeof (struct virtio_blk_outhdr), length, iov)
          : cop_iov_slice (chain->iov + chain->n_out, chain->n_in, 0, length, iov);
  begin (blk, chain, status, write ? COP_BLOCK_WRITE : COP_BLOCK_READ,
         sector * COP_BLOCK_SECTOR_SIZE, length, false, iov, n_iov);
  return -1;
}

static int
begin_flush (CopVirtioBlk *blk, const CopVirtqueueChain *chain, uint8_t *status)
{
  if (blk->block->readonly)
    return VIRTIO_BLK_S_OK;
  begin (blk, chain, status, COP_BLOCK_FLUSH, 0, 0, false, NULL, 0);
  return -1;
}

/* Does or begins what one chain asks for. */
static void
serve (CopVirtioBlk *blk, const CopVirtqueueChain *chain)
{
  struct virtio_blk_outhdr header;
  const struct iovec *last = &chain->iov[chain->n_out + chain->n_in - 1];
  uint8_t *status;
  uint32_t written = 0;
  int result;

  if (chain->n_in == 0 ||
      cop_iov_read (chain->iov, chain->n_out, 0, &header, sizeof header) < sizeof header)
    {
      cop_virtio_broken (&blk->virtio, "a request has no room for %s",
                         chain->n_in == 0 ? "its status" : "its header");
      return;
    }
  status = (uint8_t *)last->iov_base + last->iov_len - 1;

  switch (GUINT32_FROM_LE (header.type))
    {
    case VIRTIO_BLK_T_IN:
      result = begin_transfer (blk, chain, status, false, GUINT64_FROM_LE (header.sector));
      break;
    case VIRTIO_BLK_T_OUT:
      result = begin_transfer (blk, chain, status, true, GUINT64_FROM_LE (header.sector));
      break;
    case VIRTIO_BLK_T_FLUSH:
      result = begin_flush (blk, chain, status);
      break;
    case VIRTIO_BLK_T_GET_ID:
      written = cop_iov_write (chain->iov + chain->n_out, chain->n_in, 0, blk->serial,
                               MIN (sizeof blk->serial, chain->in_length - 1));
      cop_iov_written (blk->virtio.device.ram, chain->iov + chain->n_out, chain->n_in, written);
      result = VIRTIO_BLK_S_OK;
      break;
    case VIRTIO_BLK_T_DISCARD:
      result = begin_range (blk, chain, status, COP_BLOCK_DISCARD);
      break;
    case VIRTIO_BLK_T_WRITE_ZEROES:
      result = begin_range (blk, chain, status, COP_BLOCK_WRITE_ZEROES);
      break;
    default:
      result = VIRTIO_BLK_S_UNSUPP;
      break;
    }
  if (result >= 0)
    complete (blk, chain->head, status, result, written);
}

/* Takes chains until there are none, too many are in flight, or the caller has done enough. The
   lock is held. */
static void
serve_queue (CopVirtioBlk *blk)
{
  CopVirtqueue *vq = queue_of (blk);
  unsigned budget = 2 * COP_VIRTQUEUE_MAX_SIZE;
  bool more = true;

  if (blk->draining || blk->n_stale > 0)
    return;
  cop_virtqueue_suppress (vq);
  while (more && cop_virtio_running (&blk->virtio))
    {
      while (budget > 0 && blk->block->in_flight < COP_BLOCK_MAX_IN_FLIGHT &&
             cop_virtqueue_pop (vq, &blk->virtio.chain))
        {
          serve (blk, &blk->virtio.chain);
          budget--;
        }
      cop_block_kick (blk->block);
      cop_block_reap (blk->block);
      cop_virtqueue_publish (vq);

      /* When too many are in flight the next completion comes back here. */
      if (blk->block->in_flight >= COP_BLOCK_MAX_IN_FLIGHT)
        break;
      if (budget == 0)
        {
          eventfd_write (blk->block->event_fd, 1);
          break;
        }
      more = cop_virtqueue_arm (vq);
    }
}

static void
notify (CopVirtio *virtio, CopVirtqueue *vq)
{
  (void)vq;
  serve_queue ((CopVirtioBlk *)virtio);
}

/* On the I/O thread: something is complete, or serve_queue() left work behind. */
static gboolean
on_completions (int fd, GIOCondition condition, gpointer data)
{
  CopVirtioBlk *blk = data;
  eventfd_t count;

  (void)condition;
  eventfd_read (fd, &count);
  g_mutex_lock (&blk->virtio.device.lock);
  cop_block_reap (blk->block);
  cop_virtqueue_publish (queue_of (blk));
  if (cop_virtio_running (&blk->virtio) && cop_virtqueue_live (queue_of (blk)))
    serve_queue (blk);
  g_mutex_unlock (&blk->virtio.device.lock);
  return G_SOURCE_CONTINUE;
}

/* Waits for all in flight: requests reach into guest memory, and a snapshot names none of them.
   Stale ones reach into memory that is no longer the guest's. */
static bool
stop (CopVirtio *virtio, unsigned patience_ms)
{
  CopVirtioBlk *blk = (CopVirtioBlk *)virtio;
  bool stopped;

  if (blk->n_stale > 0)
    return true;
  blk->draining = true;
  stopped = cop_block_drain (blk->block, patience_ms);
  blk->draining = false;
  return stopped;
}

/* The memory that requests reach into is kept for them: see cop_ram_pin(). */
static void
abandon (CopVirtio *virtio)
{
  CopVirtioBlk *blk = (CopVirtioBlk *)virtio;

  cop_block_warn_stuck (blk->block);
  cop_ram_pin (virtio->device.ram);
  blk->n_stale = blk->block->in_flight;
  blk->generation++;
}

static void
finalize (CopDevice *device)
{
  CopVirtioBlk *blk = (CopVirtioBlk *)device;

  if (blk->completions != NULL)
    {
      g_source_destroy (blk->completions);
      g_source_unref (blk->completions);
    }
  /* Requests that come back now find no queue. */
  cop_virtqueue_unmap (queue_of (blk));
  if (!cop_block_free (g_steal_pointer (&blk->block)))
    cop_ram_pin (device->ram);
  cop_virtio_finalize (device);
}

static const CopVirtioClass blk_class = {
  .device_id = VIRTIO_ID_BLOCK,
  .queue_size = COP_VIRTQUEUE_MAX_SIZE,
  .n_queues = 1,
  .stop = stop,
  .abandon = abandon,
  .notify = notify,
};

const CopDeviceType cop_virtio_blk_type = {
  .name = "virtio-blk",
  .instance_size = sizeof (CopVirtioBlk),
  .state = &blk_state,
  .state_offset = offsetof (CopVirtioBlk, s),
  .finalize = finalize,
  COP_VIRTIO_MMIO_TYPE,
};

CopDevice *
cop_virtio_blk_new (const char *id, CopRam *ram, GMainContext *context, uint64_t gpa,
                    CopDiskConfig *disk, GError **error)
{
  static const CopBlockBackendOps *const back_ends[COP_BLOCK_CHOICE_LAST] = {
    [COP_BLOCK_CHOICE_THREADS] = &cop_block_threads_ops,
    [COP_BLOCK_CHOICE_URING] = &cop_block_uring_ops,
  };
  const CopBlockBackendOps *ops = disk->ops != NULL ? disk->ops : back_ends[disk->choice];
  CopBlock *block = cop_block_new (disk->fd, disk->readonly, disk->label, ops, error);
  CopVirtioBlk *blk;
  CopVirtio *virtio;

  if (block == NULL)
    return NULL;
  disk->fd = -1;

  blk = cop_device_new (&cop_virtio_blk_type, id, ram, context, gpa);
  virtio = &blk->virtio;
  blk->block = block;
  blk->counters = disk->counters;
  if (disk->serial != NULL)
    memcpy (blk->serial, disk->serial, MIN (strlen (disk->serial), sizeof blk->serial));

  cop_virtio_init (virtio, &blk_class, blk->s.mmio, blk->s.virtio, blk->s.queues);
  virtio->features |=
    COP_VIRTIO_FEATURE (VIRTIO_BLK_F_SIZE_MAX) | COP_VIRTIO_FEATURE (VIRTIO_BLK_F_SEG_MAX) |
    COP_VIRTIO_FEATURE (VIRTIO_BLK_F_BLK_SIZE) | COP_VIRTIO_FEATURE (VIRTIO_BLK_F_TOPOLOGY);
  /* Without it all writes are durable: see begin(). */
  if (!disk->write_through)
    virtio->features |= COP_VIRTIO_FEATURE (VIRTIO_BLK_F_FLUSH);
  if (disk->readonly)
    virtio->features |= COP_VIRTIO_FEATURE (VIRTIO_BLK_F_RO);
  else
    virtio->features |= COP_VIRTIO_FEATURE (VIRTIO_BLK_F_WRITE_ZEROES);
  if (!disk->readonly && !disk->no_discard)
    virtio->features |= COP_VIRTIO_FEATURE (VIRTIO_BLK_F_DISCARD);
  blk->config = (struct virtio_blk_config){
    .capacity = GUINT64_TO_LE (block->size / COP_BLOCK_SECTOR_SIZE),
    .size_max = GUINT32_TO_LE (SIZE_MAX_BYTES),
    .seg_max = GUINT32_TO_LE (SEG_MAX),
    .blk_size = GUINT32_TO_LE (COP_BLOCK_SECTOR_SIZE),
    .physical_block_exp = 3, /* the host works in pages of 4 KiB */
    .min_io_size = GUINT16_TO_LE (8),
    .wce = 1,
    .num_queues = GUINT16_TO_LE (1),
    .max_discard_sectors = GUINT32_TO_LE (RANGE_MAX_SECTORS),
    .max_discard_seg = GUINT32_TO_LE (1),
    .discard_sector_alignment = GUINT32_TO_LE (8),
    .max_write_zeroes_sectors = GUINT32_TO_LE (RANGE_MAX_SECTORS),
    .max_write_zeroes_seg = GUINT32_TO_LE (1),
    .write_zeroes_may_unmap = !disk->no_discard,
  };
  virtio->config = &blk->config;
  virtio->config_size = sizeof blk->config;

  blk->completions = g_unix_fd_source_new (block->event_fd, G_IO_IN);
  g_source_set_callback (blk->completions, G_SOURCE_FUNC (on_completions), blk, NULL);
  g_source_set_static_name (blk->completions, "virtio-blk");
  g_source_attach (blk->completions, context);
  return &blk->virtio.device;
}

bool
cop_virtio_blk_resize (CopDevice *device, uint64_t size, GError **error)
{
  CopVirtioBlk *blk = (CopVirtioBlk *) device;
  bool done;

  g_mutex_lock (&device->lock);
  done = cop_block_resize (blk->block, size, error);
  if (done)
    {
      blk->config.capacity = GUINT64_TO_LE (size / COP_BLOCK_SECTOR_SIZE);
      cop_virtio_config_changed (&blk->virtio);
    }
  g_mutex_unlock (&device->lock);
  return done;
}

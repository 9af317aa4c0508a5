//! Reads a request's body, within its own bound and within one for all bodies together.
//!
//! A body takes room as its bytes arrive, not by what it announces: five hundred clients that send
//! a byte a second hold half a megabyte and keep nobody else waiting.

use axum::body::Body;
use http_body_util::BodyExt as _;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Bytes of a unit of room: a semaphore counts to 2^61 on 64 bits and to 2^29 on 32.
const UNIT_BYTES: usize = 1 << 10;

/// Why a body was not read to its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It is larger than one may be.
    TooLarge,
    /// There is no room for more of it at present.
    NoRoom,
    /// The client has gone, or breaks the protocol.
    Broken,
}

/// Room for all bodies in memory.
#[derive(Debug)]
pub(crate) struct Room(Semaphore);

impl Room {
    pub(crate) fn new(bytes: usize) -> Self {
        let units = bytes.div_ceil(UNIT_BYTES);
        Self(Semaphore::new(units.min(Semaphore::MAX_PERMITS)))
    }

    /// Reads a body of at most `limit` bytes; the room that it takes is free when the permit goes.
    pub(crate) async fn read(
        &self,
        mut body: Body,
        limit: usize,
    ) -> Result<(Vec<u8>, SemaphorePermit<'_>), Unread> {
        let announced = axum::body::HttpBody::size_hint(&body).lower();
        if usize::try_from(announced).map_or(true, |announced| announced > limit) {
            return Err(Unread::TooLarge);
        }
        let mut room = self.take(1)?;
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Unread::Broken)?;
            let Ok(data) = frame.into_data() else { continue };
            if data.len() > limit - bytes.len() {
                return Err(Unread::TooLarge);
            }
            let units = (bytes.len() + data.len()).div_ceil(UNIT_BYTES);
            if units > room.num_permits() {
                room.merge(self.take(units - room.num_permits())?);
            }
            bytes.extend_from_slice(&data);
        }
        Ok((bytes, room))
    }

    fn take(&self, units: usize) -> Result<SemaphorePermit<'_>, Unread> {
        let units = u32::try_from(units).map_err(|_| Unread::NoRoom)?;
        self.0.try_acquire_many(units).map_err(|_| Unread::NoRoom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(room: &Room, bytes: usize, limit: usize) -> Result<usize, Unread> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let body = Body::from(vec![7; bytes]);
        runtime.block_on(async { Ok(room.read(body, limit).await?.0.len()) })
    }

    #[test]
    fn a_body_may_be_as_large_as_its_limit() {
        let room = Room::new(1 << 20);
        assert_eq!(read(&room, 5_000, 5_000), Ok(5_000));
        assert_eq!(read(&room, 5_001, 5_000), Err(Unread::TooLarge));
        assert_eq!(read(&room, 0, 5_000), Ok(0));
    }

    #[test]
    fn room_is_given_back_when_a_body_is_done_or_refused() {
        let room = Room::new(8 << 10);
        for _ in 0..10 {
            assert_eq!(read(&room, 8 << 10, 1 << 20), Ok(8 << 10));
            assert_eq!(read(&room, (8 << 10) + 1, 1 << 20), Err(Unread::NoRoom));
        }
    }

    #[test]
    fn bodies_under_way_share_the_room() {
        let room = Room::new(8 << 10);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let held = runtime.block_on(room.read(Body::from(vec![7; 6 << 10]), 1 << 20)).unwrap();
        assert_eq!(read(&room, 3 << 10, 1 << 20), Err(Unread::NoRoom));
        assert_eq!(read(&room, 2 << 10, 1 << 20), Ok(2 << 10));
        drop(held);
        assert_eq!(read(&room, 8 << 10, 1 << 20), Ok(8 << 10));
    }
}

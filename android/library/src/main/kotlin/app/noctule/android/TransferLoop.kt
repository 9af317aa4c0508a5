package app.noctule.android

import app.noctule.FetchRequest
import app.noctule.Network
import app.noctule.Noctule
import app.noctule.NoctuleError
import app.noctule.Outcome
import app.noctule.Transfer
import app.noctule.TransferOutcome
import app.noctule.UploadRequest
import app.noctule.http.Transport
import kotlinx.coroutines.withTimeoutOrNull

/** How a round of transfers ended. */
sealed interface TransferEnd {
    /** Nothing is left to do. */
    data object Done : TransferEnd

    /** Something is left, and not before then: Unix milliseconds. */
    data class WaitUntil(val ms: Long) : TransferEnd

    /** So many bytes are left for a network that costs nothing. */
    data class WaitForUnmetered(val bytes: Long) : TransferEnd

    /** So many bytes have to be free first. */
    data class WaitForSpace(val bytes: Long) : TransferEnd

    /** There is no network. */
    data object NoNetwork : TransferEnd

    /** The time of this round is over; the next goes on with the byte that is missing. */
    data object OutOfTime : TransferEnd

    /** It failed. */
    data class Failed(val error: NoctuleError) : TransferEnd
}

/**
 * The pull loop: asks what to move, moves it, says how it went, until there is nothing more.
 *
 * A process that dies in the middle says nothing, which is as good: what was fetched is in its file
 * and is looked at, what was sent and not acknowledged is sent again under the same name.
 */
internal class TransferLoop(
    private val noctule: Noctule,
    private val transport: Transport,
    private val device: Device,
    private val uploadOverMetered: Boolean = true,
    private val leftMs: () -> Long = { Long.MAX_VALUE },
) {
    suspend fun run(): TransferEnd {
        // What the loop cannot end by itself a server could make go on for ever.
        repeat(TRANSFERS_MAX) {
            if (leftMs() <= 0) return TransferEnd.OutOfTime
            val network = device.network() ?: return TransferEnd.NoNetwork
            val next = when (val asked = noctule.nextTransfer(network, device.freeBytes())) {
                is Outcome.Ok -> asked.value
                is Outcome.Failed -> return TransferEnd.Failed(asked.error)
            }
            when (next) {
                is Transfer.Upload -> {
                    if (network == Network.METERED && !uploadOverMetered) {
                        return TransferEnd.WaitForUnmetered(next.request.body.size.toLong())
                    }
                    move(next.request)?.let { return it }
                }
                is Transfer.Fetch -> move(next.request)?.let { return it }
                is Transfer.Wait -> return TransferEnd.WaitUntil(next.untilMs)
                is Transfer.WaitForUnmetered ->
                    return TransferEnd.WaitForUnmetered(next.bytes.toLong())
                is Transfer.WaitForSpace -> return TransferEnd.WaitForSpace(next.bytes.toLong())
                Transfer.Done -> return TransferEnd.Done
            }
        }
        return TransferEnd.OutOfTime
    }

    private suspend fun move(request: UploadRequest): TransferEnd? =
        inTime(request.id) { transport.upload(request) }

    private suspend fun move(request: FetchRequest): TransferEnd? =
        inTime(request.id) { transport.fetch(request) }

    /** No transfer, however slow its server, outlives the round: what it has moved is kept. */
    private suspend fun inTime(id: String, transfer: suspend () -> TransferOutcome): TransferEnd? {
        val outcome = withTimeoutOrNull(leftMs()) { transfer() } ?: return TransferEnd.OutOfTime
        return noctule.transferFinished(id, outcome).errorOrNull()?.let { TransferEnd.Failed(it) }
    }

    private companion object {
        const val TRANSFERS_MAX = 10_000
    }
}

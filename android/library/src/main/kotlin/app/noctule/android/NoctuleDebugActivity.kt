package app.noctule.android

import android.app.Activity
import android.graphics.Typeface
import android.os.Bundle
import android.widget.Button
import android.widget.LinearLayout
import android.widget.ScrollView
import android.widget.TextView
import app.noctule.Budget
import app.noctule.Outcome
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.launch

/**
 * How the profile stands, and buttons that run a night and move bytes now.
 *
 * Not exported and in no launcher: an app opens it from its own debug menu. Plain views, so that it
 * brings no library along.
 */
class NoctuleDebugActivity : Activity() {
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Main.immediate)
    private lateinit var text: TextView
    private var work: Job? = null

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        title = "Noctule"
        text = TextView(this).apply {
            typeface = Typeface.MONOSPACE
            setTextIsSelectable(true)
            setPadding(PADDING, PADDING, PADDING, PADDING)
        }
        val buttons = LinearLayout(this)
        buttons.addView(button("Night now") { night() })
        buttons.addView(button("Stop") { work?.cancel() })
        buttons.addView(button("Transfers") { transfers() })
        buttons.addView(button("Refresh") { show("") })
        val all = LinearLayout(this)
        all.orientation = LinearLayout.VERTICAL
        all.addView(buttons)
        all.addView(ScrollView(this).apply { addView(text) })
        setContentView(all)
        show("")
    }

    override fun onDestroy() {
        scope.cancel()
        super.onDestroy()
    }

    private fun button(label: String, click: () -> Unit) = Button(this).apply {
        text = label
        setOnClickListener { click() }
    }

    /** A whole night, whatever the schedule says: whoever presses the button wants to see it. */
    private fun night() = begin("A night runs…") { host ->
        when (val opened = host.noctule()) {
            is Outcome.Failed -> errorText(opened.error)
            is Outcome.Ok -> when (val ran = opened.value.runNight(Budget())) {
                is Outcome.Failed -> errorText(ran.error)
                is Outcome.Ok -> "Night: ${ran.value.published} published, ${ran.value.kept} kept"
            }
        }
    }

    private fun transfers() = begin("Transfers…") { host ->
        val transport = host.transport
        when (val opened = host.noctule()) {
            is Outcome.Failed -> errorText(opened.error)
            is Outcome.Ok -> when (transport) {
                null -> "This app moves its bytes by itself."
                else -> TransferLoop(opened.value, transport, AndroidDevice(this)).run().toString()
            }
        }
    }

    private fun begin(what: String, action: suspend (NoctuleHost) -> String) {
        val host = NoctuleHost.of(this) ?: return show("The Application is no NoctuleApp.")
        work?.cancel()
        text.text = what
        work = scope.launch { show(action(host)) }
    }

    private fun show(first: String) {
        val host = NoctuleHost.of(this) ?: return
        scope.launch {
            val rest = when (val opened = host.noctule()) {
                is Outcome.Failed -> errorText(opened.error)
                is Outcome.Ok -> debugText(opened.value)
            }
            text.text = listOf(first, rest).filter { it.isNotEmpty() }.joinToString("\n\n")
        }
    }

    private companion object {
        const val PADDING = 24
    }
}

package app.noctule.sample

import android.content.Intent
import android.os.Bundle
import androidx.activity.ComponentActivity
import androidx.activity.compose.setContent
import androidx.compose.material3.MaterialTheme
import androidx.compose.runtime.LaunchedEffect
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.remember
import androidx.compose.runtime.setValue
import app.noctule.DataConsent
import app.noctule.Noctule
import app.noctule.NoctuleError
import app.noctule.android.AndroidDevice
import app.noctule.android.StarterRelease
import app.noctule.android.NoctuleDebugActivity
import app.noctule.android.catchUp
import app.noctule.onFailed
import app.noctule.onOk

class MainActivity : ComponentActivity() {
    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        val app = application as SampleApp
        setContent {
            MaterialTheme {
                var answer by remember { mutableStateOf(app.answer) }
                var noctule by remember { mutableStateOf(app.noctuleHost.openedOrNull()) }
                var failed by remember { mutableStateOf<NoctuleError?>(null) }
                LaunchedEffect(Unit) {
                    app.noctuleHost.noctule()
                        .onFailed { failed = it }
                        .onOk {
                            StarterRelease.install(app, app.noctuleHost)
                            noctule = it
                            app.noctuleHost.catchUp(AndroidDevice(app))
                        }
                }
                val open = noctule
                when {
                    failed != null -> Problem(failed)
                    answer == null -> Question { said -> answer = said; app.answer = said }
                    open != null -> {
                        // What the user said counts from now on, whatever was opened before.
                        LaunchedEffect(open, answer) { answer?.let { agree(open, it) } }
                        Slate(open, onDebug = ::openDebug)
                    }
                }
            }
        }
    }

    private suspend fun agree(noctule: Noctule, answer: DataConsent) {
        if (noctule.consent != answer) noctule.setConsent(answer)
    }

    private fun openDebug() = startActivity(Intent(this, NoctuleDebugActivity::class.java))
}
